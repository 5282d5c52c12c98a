// The whole flow with Go's net/http: go run with_net_http.go http://localhost:8000
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

const password = "correct horse battery"

var (
	api, _ = url.Parse(os.Args[1])
	bearer string
	tea    = map[string]any{
		"items":       []any{map[string]any{"name": "tea", "quantity": 2, "price": 4.5}},
		"total_price": 9.0,
	}
)

type answer struct {
	status int
	header http.Header
	body   struct {
		AccessToken string `json:"access_token"`
		Code        string `json:"code"`
	}
}

func send(method, path, contentType string, body []byte, ifMatch string) (got answer) {
	target, err := api.Parse(path)
	check(err)
	request, err := http.NewRequest(method, target.String(), bytes.NewReader(body))
	check(err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer "+bearer)
	if ifMatch != "" {
		request.Header.Set("If-Match", ifMatch)
	}
	response, err := http.DefaultClient.Do(request)
	check(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(err)
	got.status, got.header = response.StatusCode, response.Header
	_ = json.Unmarshal(text, &got.body) // lists don't have these members
	return got
}

func call(method, path string, body any, ifMatch string) answer {
	var text []byte
	if body != nil {
		var err error
		text, err = json.Marshal(body)
		check(err)
	}
	return send(method, path, "application/json", text, ifMatch)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	email := fmt.Sprintf("go.%d@example.com", time.Now().UnixNano())
	account := map[string]any{"email": email, "password": password}
	fmt.Println("register", call("POST", "/register/", account, "").status)

	form := url.Values{"username": {email}, "password": {password}}.Encode()
	got := send("POST", "/token/", "application/x-www-form-urlencoded", []byte(form), "")
	fmt.Println("token", got.status)
	bearer = got.body.AccessToken

	call("POST", "/orders/", tea, "")
	got = call("POST", "/orders/", tea, "")
	fmt.Println("create", got.status)
	order := got.header.Get("Location")

	got = call("GET", order, nil, "")
	fmt.Println("read", got.status, got.header.Get("X-Cache"))

	got = call("PATCH", order, map[string]any{"status": "PAID"}, got.header.Get("ETag"))
	fmt.Println("patch", got.status)

	got = call("GET", "/orders/?limit=1", nil, "")
	next := regexp.MustCompile(`^<(.*)>; rel="next"$`).FindStringSubmatch(got.header.Get("Link"))[1]
	fmt.Println("list", got.status, "next", call("GET", next, nil, "").status)

	got = call("GET", strings.TrimSuffix(order, "/")+"/history/", nil, "")
	fmt.Println("history", got.status)

	got = call("GET", "/orders/00000000-0000-7000-8000-000000000000/", nil, "")
	fmt.Println("error", got.status, got.body.Code)
}
