"""The machine: devices, random streams, worker processes, files that are whole or absent."""
