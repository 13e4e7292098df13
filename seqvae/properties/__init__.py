"""String to number: properties of molecules."""
