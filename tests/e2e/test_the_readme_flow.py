"""The README's steps: register, log in, create, read, pay, list, and wait for processing."""

from tests.e2e.service import Service, an_email, eventually


def test_the_steps_of_the_readme_work(service: Service) -> None:
    http, email = service.http, an_email()
    account = {"email": email, "password": "correct horse battery staple"}
    assert http.post("/register/", json=account).status_code == 201

    form = {"username": email, "password": account["password"]}
    token = http.post("/token/", data=form).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}

    tea = {"product_id": "tea-250", "name": "Green tea", "quantity": 2, "price": 4.5}
    body = {"items": [tea], "total_price": 9.0}
    created = http.post("/orders/", json=body, headers=bearer)
    assert (created.status_code, created.json()["status"]) == (201, "PENDING")
    order = created.headers["location"]

    eventually(lambda: http.get(order, headers=bearer).headers["x-cache"] == "HIT")
    read = http.get(order, headers=bearer)
    assert read.status_code == 200
    processing = {"processed_at": None, "updated_at": None}
    assert read.json() | processing == created.json() | processing

    condition = {"If-Match": read.headers["etag"]}
    paid = http.patch(order, json={"status": "PAID"}, headers=bearer | condition)
    assert (paid.status_code, paid.json()["status"], paid.json()["version"]) == (200, "PAID", 2)

    me = http.get("/me/", headers=bearer).json()["id"]
    listed = http.get(f"/orders/user/{me}/", headers=bearer).json()
    assert [each["id"] for each in listed] == [created.json()["id"]]

    eventually(lambda: http.get(order, headers=bearer).json()["processed_at"])
    eventually(lambda: f"Order {created.json()['id']} processed" in service.log)
