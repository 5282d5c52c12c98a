"""The whole flow with requests: `python with_requests.py http://localhost:8000`."""

import secrets
import sys
from urllib.parse import urljoin

import requests

api = sys.argv[1]
account = {
    "email": f"requests.{secrets.token_hex(6)}@example.com",
    "password": "correct horse battery",
}

with requests.Session() as http:
    answer = http.post(f"{api}/register/", json=account)
    print("register", answer.status_code)

    form = {"username": account["email"], "password": account["password"]}
    answer = http.post(f"{api}/token/", data=form)
    print("token", answer.status_code)
    http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    for _ in range(2):
        answer = http.post(
            f"{api}/orders/",
            json={"items": [{"name": "tea", "quantity": 2, "price": 4.5}], "total_price": 9.0},
        )
    print("create", answer.status_code)
    order = urljoin(api, answer.headers["Location"])

    answer = http.get(order)
    print("read", answer.status_code, answer.headers["X-Cache"])

    condition = {"If-Match": answer.headers["ETag"]}
    answer = http.patch(order, json={"status": "PAID"}, headers=condition)
    print("patch", answer.status_code)

    answer = http.get(f"{api}/orders/", params={"limit": 1})
    following = http.get(urljoin(api, answer.links["next"]["url"]))
    print("list", answer.status_code, "next", following.status_code)

    answer = http.get(urljoin(order, "history/"))
    print("history", answer.status_code)

    answer = http.get(f"{api}/orders/00000000-0000-7000-8000-000000000000/")
    print("error", answer.status_code, answer.json()["code"])
