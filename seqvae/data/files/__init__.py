"""Files: opened whatever their packing, read and written by extension, cut into chunks."""
