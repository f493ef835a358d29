// A receiver of webhooks in Java 17, with nothing installed:
//
//   WEBHOOK_SECRET=whsec_… PORT=9001 java Receiver.java

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Receiver {
  private static final long TOLERANCE = 5 * 60; // seconds that a clock may be wrong by
  private static final int MAX_BODY = 1 << 20;

  private final byte[] key;
  private final Set<String> had = ConcurrentHashMap.newKeySet(); // in production a table with a unique column

  Receiver(String secret) {
    key = Base64.getDecoder().decode(secret.substring("whsec_".length()));
  }

  /**
   * Says why a webhook is not by who knows the secret; "" if it is. The body is the bytes that came in: what JSON
   * makes of them may be written differently.
   */
  String verify(String id, String timestamp, String signatures, byte[] body) throws GeneralSecurityException {
    if (id == null || timestamp == null || !timestamp.matches("\\d{1,12}") || signatures == null) {
      return "a header is missing: webhook-id, webhook-timestamp, webhook-signature";
    }
    if (Math.abs(System.currentTimeMillis() / 1000 - Long.parseLong(timestamp)) > TOLERANCE) {
      return "it was signed too long ago, or a clock is wrong";
    }
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    mac.update((id + "." + timestamp + ".").getBytes(StandardCharsets.ISO_8859_1));
    byte[] want = mac.doFinal(body);
    for (String signature : signatures.split(" ")) { // while a secret is replaced there are two
      if (signature.startsWith("v1,")) {
        try {
          if (MessageDigest.isEqual(Base64.getDecoder().decode(signature.substring(3)), want)) {
            return "";
          }
        } catch (IllegalArgumentException notBase64) {
          // another one may fit
        }
      }
    }
    return "the signature is not by this secret";
  }

  void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY + 1);
      if (!exchange.getRequestMethod().equals("POST")) {
        answer(exchange, 405, "webhooks are POSTs");
        return;
      }
      if (body.length > MAX_BODY) {
        answer(exchange, 413, "more than 1 MiB");
        return;
      }
      var headers = exchange.getRequestHeaders();
      String id = headers.getFirst("webhook-id");
      String wrong;
      try {
        wrong = verify(id, headers.getFirst("webhook-timestamp"), headers.getFirst("webhook-signature"), body);
      } catch (GeneralSecurityException noSuchAlgorithm) {
        answer(exchange, 500, noSuchAlgorithm.getMessage());
        return;
      }
      if (!wrong.isEmpty()) {
        answer(exchange, 401, wrong);
        return;
      }
      if (had.add(id)) {
        String type = headers.getFirst("webhook-event-type");
        System.out.println(id + " " + (type == null ? "-" : type) + " " + new String(body, StandardCharsets.UTF_8));
      }
      answer(exchange, 204, "");
    }
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    if (bytes.length > 0) {
      exchange.getResponseBody().write(bytes);
    }
  }

  public static void main(String[] args) throws IOException {
    String secret = System.getenv().getOrDefault("WEBHOOK_SECRET", "");
    if (!secret.startsWith("whsec_")) {
      System.err.println("receiver: set WEBHOOK_SECRET to the endpoint's secret, whsec_…");
      System.exit(2);
    }
    int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "9001"));
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 0);
    server.createContext("/", new Receiver(secret)::handle);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.start();
    System.out.println("Listening on http://127.0.0.1:" + server.getAddress().getPort());
  }
}
