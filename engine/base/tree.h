/* Whole folders. */
#ifndef SFSI_BASE_TREE_H
#define SFSI_BASE_TREE_H

/** Remove a folder and all in it, or a file, below dir_fd. Best effort. */
void sfsi_remove_tree(int dir_fd, const char *name);

#endif
