"""The registry of versions: comparing, importing, retiring, and which patients each knows."""
