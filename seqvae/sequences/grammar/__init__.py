"""The grammar of SMILES: which token may follow, which valences remain."""
