"""What a request passes before Django: its body, its sender, its lane."""
