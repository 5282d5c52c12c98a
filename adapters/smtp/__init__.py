"""Mail over SMTP.

May import the application, the domain and aiosmtplib.
"""
