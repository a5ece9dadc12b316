"""IBM Storage Scale (GPFS): mmperfmon reports, mmpmon and exporter counters, mmdf, mmlsdisk and mmlsfs output."""
