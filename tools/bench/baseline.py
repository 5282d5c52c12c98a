# The original design, which is the benchmark's baseline. This is a copy, in its own coding style.
# It runs in a separate environment (`requirements.txt`), so our checks can't import its packages.
# mypy: ignore-errors
# ruff: noqa: ANN201, D101, D103, PLW0603, S105
# fmt: off
"""The original design of the order service, in a plain and fair implementation.

It uses FastAPI, Pydantic v2, SQLAlchemy's async ORM on asyncpg, and a Redis cache with a TTL of 5
minutes. Each request checks its JWT and selects the user. Creating an order also increments a
fixed-window Redis limiter, whose limit is never reached. If a broker is configured, `new_order` is
published with aiokafka after the commit.

    pip install fastapi python-multipart 'uvicorn[standard]' 'sqlalchemy[asyncio]' asyncpg \
        'redis[hiredis]' aiokafka pyjwt argon2-cffi
    BASELINE_DATABASE_URL=postgresql+asyncpg://… BASELINE_REDIS_URL=redis://… \
        uvicorn seed_baseline:app --port 8100 --no-access-log --log-level warning

It creates its tables in the given schema. Run it with one worker, uvloop and httptools.
"""

import json
import os
import time
import uuid
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import jwt
from aiokafka import AIOKafkaProducer
from argon2 import PasswordHasher
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel, ConfigDict
from redis.asyncio import Redis
from sqlalchemy import ForeignKey, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = "a-secret-of-thirty-two-bytes-long"
LIMIT_PER_MINUTE = 1_000_000_000

engine = create_async_engine(os.environ["BASELINE_DATABASE_URL"], pool_size=20, max_overflow=20)
new_session = async_sessionmaker(engine, expire_on_commit=False)
redis = Redis.from_url(os.environ["BASELINE_REDIS_URL"], decode_responses=True)
passwords = PasswordHasher()
producer: AIOKafkaProducer | None = None


class Base(DeclarativeBase):
    pass


class UserRow(Base):
    __tablename__ = "baseline_users"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    email: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]


class OrderRow(Base):
    __tablename__ = "baseline_orders"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("baseline_users.id"), index=True)
    items: Mapped[list] = mapped_column(JSONB)
    total_price: Mapped[float]
    status: Mapped[str] = mapped_column(default="PENDING")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Credentials(BaseModel):
    email: str
    password: str


class Item(BaseModel):
    name: str
    quantity: int
    price: float


class NewOrder(BaseModel):
    items: list[Item]
    total_price: float


class StatusChange(BaseModel):
    status: str


class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: uuid.UUID
    user_id: uuid.UUID
    items: list[Item]
    total_price: float
    status: str
    created_at: datetime


@asynccontextmanager
async def lifespan(_: FastAPI):
    global producer
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    if brokers := os.environ.get("BASELINE_KAFKA"):
        producer = AIOKafkaProducer(bootstrap_servers=brokers)
        await producer.start()
    yield
    if producer:
        await producer.stop()
    await engine.dispose()
    await redis.aclose()


async def limit(request: Request) -> None:
    key = f"baseline:rate:{request.client.host}:{int(time.time()) // 60}"
    count = await redis.incr(key)
    if count == 1:
        await redis.expire(key, 60)
    if count > LIMIT_PER_MINUTE:
        raise HTTPException(429)


async def session():
    async with new_session() as opened:
        yield opened


Session = Annotated[AsyncSession, Depends(session)]
oauth = OAuth2PasswordBearer(tokenUrl="/token/")


async def authenticated(db: Session, token: Annotated[str, Depends(oauth)]) -> UserRow:
    try:
        user_id = uuid.UUID(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
    except jwt.PyJWTError as error:
        raise HTTPException(401) from error
    user = (await db.execute(select(UserRow).where(UserRow.id == user_id))).scalar_one_or_none()
    if user is None:
        raise HTTPException(401)
    return user


User = Annotated[UserRow, Depends(authenticated)]
app = FastAPI(lifespan=lifespan)


async def cache(order: OrderOut) -> None:
    await redis.set(f"baseline:order:{order.id}", order.model_dump_json(), ex=300)


@app.post("/register/", status_code=201)
async def register(body: Credentials, db: Session):
    user = UserRow(email=body.email, password=passwords.hash(body.password))
    db.add(user)
    await db.commit()
    return {"id": user.id, "email": user.email}


@app.post("/token/")
async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()], db: Session):
    found = select(UserRow).where(UserRow.email == form.username)
    user = (await db.execute(found)).scalar_one_or_none()
    if user is None:
        raise HTTPException(401)
    passwords.verify(user.password, form.password)
    claims = {"sub": str(user.id), "exp": int(time.time()) + 36_000}
    return {"access_token": jwt.encode(claims, SECRET, algorithm="HS256"), "token_type": "bearer"}


@app.post("/orders/", status_code=201, response_model=OrderOut, dependencies=[Depends(limit)])
async def create(body: NewOrder, db: Session, user: User):
    row = OrderRow(
        user_id=user.id,
        items=[item.model_dump() for item in body.items],
        total_price=body.total_price,
    )
    db.add(row)
    await db.commit()
    await db.refresh(row)
    order = OrderOut.model_validate(row)
    await cache(order)
    if producer:
        await producer.send_and_wait("baseline_new_order", order.model_dump_json().encode())
    return order


@app.get("/orders/user/{user_id}/", response_model=list[OrderOut])
async def of_user(user_id: uuid.UUID, db: Session, user: User):
    if user_id != user.id:
        raise HTTPException(403)
    newest_first = (
        select(OrderRow).where(OrderRow.user_id == user_id).order_by(OrderRow.created_at.desc())
    )
    return (await db.execute(newest_first)).scalars().all()


@app.get("/orders/{order_id}/", response_model=OrderOut)
async def one(order_id: uuid.UUID, db: Session, user: User):
    if cached := await redis.get(f"baseline:order:{order_id}"):
        order = OrderOut.model_validate(json.loads(cached))
    else:
        row = await db.get(OrderRow, order_id)
        if row is None:
            raise HTTPException(404)
        order = OrderOut.model_validate(row)
        await cache(order)
    if order.user_id != user.id:
        raise HTTPException(403)
    return order


@app.patch("/orders/{order_id}/", response_model=OrderOut)
async def change(order_id: uuid.UUID, body: StatusChange, db: Session, user: User):
    row = await db.get(OrderRow, order_id)
    if row is None or row.user_id != user.id:
        raise HTTPException(404)
    row.status = body.status
    await db.commit()
    await db.refresh(row)
    order = OrderOut.model_validate(row)
    await cache(order)
    return order
