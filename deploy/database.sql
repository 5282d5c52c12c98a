-- The PostgreSQL image runs this once, if its volume is empty. The service's role is not a
-- superuser. The superuser's password is removed, so it can only log in on the container's own
-- socket.
\set password `cat /var/lib/orders-secrets/postgres-password`
CREATE ROLE orders LOGIN PASSWORD :'password';
CREATE DATABASE orders OWNER orders;
ALTER ROLE postgres PASSWORD NULL;
