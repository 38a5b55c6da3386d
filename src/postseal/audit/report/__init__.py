"""Reports: what an audit found, written for a person, a program or a pipeline."""
