/* Settings inside of a store: see storefs/settings.h. */
#ifndef SFSI_SETTINGS_H
#define SFSI_SETTINGS_H

#include <pthread.h>
#include <storefs/settings.h>

/** In the store's folder. */
#define SFSI_SETTINGS_FILE "settings"

/** As a store has them. */
struct sfsi_settings {
	pthread_mutex_t lock; /* protects all below; nothing is called while it is held */
	struct sfs_settings now;
	int err; /* why the file could not be read: the defaults are in force; 0: it could, or there is none */
	struct sfs_diag why;
};

void sfsi_settings_init(struct sfsi_settings *settings);
void sfsi_settings_fini(struct sfsi_settings *settings);
/** Read the file; one that can not be read never keeps a store from being opened. */
void sfsi_settings_load(struct sfs_store *store);
/** Those in force, without asking whether the file was good. */
struct sfs_settings sfsi_settings_now(struct sfs_store *store);

#endif
