"""E-mail addresses, passwords, access tokens and page cursors.

They use email-validator, argon2-cffi, PyJWT and HMAC-SHA256.

May import the application, the domain, argon2, email_validator, jwt and the standard library.
"""
