-- Run once, by the image, where PostgreSQL's volume is empty. The service's role is no superuser; the
-- superuser keeps no password, so that it is known on the container's own socket alone.
\set password `cat /var/lib/orders-secrets/postgres-password`
CREATE ROLE orders LOGIN PASSWORD :'password';
CREATE DATABASE orders OWNER orders;
ALTER ROLE postgres PASSWORD NULL;
