/*
 * Things in the order of their age, to remove the oldest ones: each has a struct sfsi_age as its first member,
 * which is cast to what it is the first member of. The caller has the lock.
 */
#ifndef SFSI_BASE_AGE_H
#define SFSI_BASE_AGE_H

struct sfsi_age {
	struct sfsi_age *newer, *older;
};

struct sfsi_ages {
	struct sfsi_age *newest, *oldest; /* NULL: there are none */
};

static inline void sfsi_age_unlink(struct sfsi_ages *ages, struct sfsi_age *age)
{
	*(age->newer ? &age->newer->older : &ages->newest) = age->older;
	*(age->older ? &age->older->newer : &ages->oldest) = age->newer;
}

/** As the newest one. */
static inline void sfsi_age_push(struct sfsi_ages *ages, struct sfsi_age *age)
{
	age->newer = 0;
	age->older = ages->newest;
	*(ages->newest ? &ages->newest->newer : &ages->oldest) = age;
	ages->newest = age;
}

#endif
