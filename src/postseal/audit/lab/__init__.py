"""The attack lab: hostile servers on loopback, and what a mail client does to them."""
