"""Properties of DNA: composition, melting temperature, restriction sites, motifs."""
