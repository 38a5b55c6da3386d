"""What benchmarks meet: servers on loopback ports chosen by the system, sources of load, mail."""
