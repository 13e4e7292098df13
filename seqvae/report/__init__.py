"""Pages for people: self-contained HTML with inline drawings and plots. No number is computed here."""
