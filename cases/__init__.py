"""Cases: patients' CT series, the masks drawn on them, and how both come in and go out."""
