"""The experiments behind the lab report: catalogue, records, statistics, sweeps and timing."""
