"""Who runs where and when: ready attempts become grants for workers, and what became of them becomes reports."""
