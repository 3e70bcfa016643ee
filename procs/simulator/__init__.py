"""Simulated exchanges on loopback: real protocols, trades invented or recorded, and the truth."""
