"""E-mail addresses by email-validator, passwords by argon2-cffi, access tokens by PyJWT, and signed
cursors.

May import the application, the domain, argon2, email_validator, jwt and the standard library.
"""
