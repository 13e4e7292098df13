"""Pages for users: self-contained HTML with inline drawings and plots. No numbers are computed here."""
