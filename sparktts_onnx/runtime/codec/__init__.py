"""From semantic and global ids to sound."""
