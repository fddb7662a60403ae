"""Tasks as people make and change them: labels, and rules by which one task is made of another."""
