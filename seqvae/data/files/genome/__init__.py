"""Windows of genomes: by coordinates, one after the other, or around variants; linear sequences and circles."""
