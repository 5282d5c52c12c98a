// The whole flow with Java's default HttpClient: java WithHttpClient.java http://localhost:8000
// It offers to upgrade each request to HTTP/2 (h2c), but the service responds with HTTP/1.1.
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class WithHttpClient {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final String PASSWORD = "correct horse battery";
    private static final String TEA =
        "{\"items\": [{\"name\": \"tea\", \"quantity\": 2, \"price\": 4.5}], \"total_price\": 9.0}";

    private static URI api;
    private static String bearer = "none";

    public static void main(String[] arguments) throws Exception {
        api = URI.create(arguments[0]);
        String email = "java." + System.nanoTime() + "@example.com";

        String account = "{\"email\": \"" + email + "\", \"password\": \"" + PASSWORD + "\"}";
        System.out.println("register " + json("POST", "/register/", account).statusCode());

        String form = "username=" + encoded(email) + "&password=" + encoded(PASSWORD);
        HttpResponse<String> answer =
            call("POST", "/token/", form, "Content-Type", "application/x-www-form-urlencoded");
        System.out.println("token " + answer.statusCode());
        bearer = "Bearer " + found("\"access_token\": *\"([^\"]*)\"", answer.body());

        json("POST", "/orders/", TEA);
        answer = json("POST", "/orders/", TEA);
        System.out.println("create " + answer.statusCode());
        String order = header(answer, "Location");

        answer = json("GET", order, "");
        System.out.println("read " + answer.statusCode() + " " + header(answer, "X-Cache"));

        answer = json("PATCH", order, "{\"status\": \"PAID\"}", "If-Match", header(answer, "ETag"));
        System.out.println("patch " + answer.statusCode());

        answer = json("GET", "/orders/?limit=1", "");
        String next = found("^<(.*)>; rel=\"next\"$", header(answer, "Link"));
        int following = json("GET", next, "").statusCode();
        System.out.println("list " + answer.statusCode() + " next " + following);

        answer = json("GET", order.replaceAll("/$", "") + "/history/", "");
        System.out.println("history " + answer.statusCode());

        answer = json("GET", "/orders/00000000-0000-7000-8000-000000000000/", "");
        String code = found("\"code\": *\"([^\"]*)\"", answer.body());
        System.out.println("error " + answer.statusCode() + " " + code);
    }

    private static HttpResponse<String> json(String method, String path, String body, String... more)
        throws Exception {
        String[] headers = new String[more.length + 2];
        headers[0] = "Content-Type";
        headers[1] = "application/json";
        System.arraycopy(more, 0, headers, 2, more.length);
        return call(method, path, body, headers);
    }

    private static HttpResponse<String> call(
        String method, String path, String body, String... headers) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(api.resolve(path))
            .method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
            .header("Authorization", bearer)
            .headers(headers)
            .build();
        return HTTP.send(request, BodyHandlers.ofString());
    }

    private static String header(HttpResponse<String> answer, String name) {
        return answer.headers().firstValue(name).orElseThrow();
    }

    private static String found(String pattern, String text) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        if (!matcher.find()) {
            throw new IllegalStateException(pattern + " is not in " + text);
        }
        return matcher.group(1);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
