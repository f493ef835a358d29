# A receiver of webhooks in Ruby, with nothing installed:
#
#   WEBHOOK_SECRET=whsec_… PORT=9001 ruby receiver.rb
#
# In Rails or Sinatra, verify is all that you need: with request.headers and
# request.raw_post, or request.body.read.
require "openssl"
require "set"
require "socket"

TOLERANCE = 5 * 60 # seconds that a clock may be wrong by
MAX_BODY = 1 << 20

# Says why a webhook is not by who knows the secret; "" if it is. The body is the bytes
# that came in: what JSON makes of them may be written differently.
def verify(key, headers, body)
  id, timestamp, signatures = headers.values_at("webhook-id", "webhook-timestamp", "webhook-signature").map(&:to_s)
  unless id != "" && timestamp.match?(/\A\d{1,12}\z/) && signatures != ""
    return "a header is missing: webhook-id, webhook-timestamp, webhook-signature"
  end
  return "it was signed too long ago, or a clock is wrong" if (Time.now.to_i - timestamp.to_i).abs > TOLERANCE

  want = OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.".b + body)
  signatures.split(" ").each do |signature| # while a secret is replaced there are two
    version, text = signature.split(",", 2)
    got = text.to_s.unpack1("m0")
    return "" if version == "v1" && got.bytesize == want.bytesize && OpenSSL.fixed_length_secure_compare(got, want)
  rescue ArgumentError
    next # it is not Base64; another one may fit
  end
  "the signature is not by this secret"
end

# Reads a request: its method, its headers by lower-case name, and its body; nil if it is
# none, or too large.
def request(client)
  method = client.gets("\r\n", 8192).to_s.split(" ").first or return
  headers = {}
  while (line = client.gets("\r\n", 8192)) && line != "\r\n"
    name, value = line.split(":", 2)
    headers[name.downcase] = value.to_s.strip
    return if headers.size > 100
  end
  size = Integer(headers.fetch("content-length", "0"), 10)
  return unless size.between?(0, MAX_BODY)

  [method, headers, size.zero? ? "".b : client.read(size).to_s.b]
rescue ArgumentError
  nil
end

def answer(client, status, text = "")
  client.write("HTTP/1.1 #{status}\r\nContent-Type: text/plain; charset=utf-8\r\n" \
               "#{"Content-Length: #{text.bytesize}\r\n" unless status.start_with?("204")}Connection: close\r\n\r\n#{text}")
end

secret = ENV.fetch("WEBHOOK_SECRET", "")
abort "receiver: set WEBHOOK_SECRET to the endpoint's secret, whsec_…" unless secret.start_with?("whsec_")
key = secret.delete_prefix("whsec_").unpack1("m0")
had = Set.new # in production a table with a unique column
$stdout.sync = true
server = TCPServer.new("127.0.0.1", Integer(ENV.fetch("PORT", "9001")))
puts "Listening on http://127.0.0.1:#{server.addr[1]}"
loop do
  client = server.accept
  method, headers, body = request(client)
  if method != "POST"
    answer(client, "400 Bad Request", "webhooks are POSTs of at most 1 MiB")
  elsif (wrong = verify(key, headers, body)) != ""
    answer(client, "401 Unauthorized", wrong)
  else
    puts "#{headers["webhook-id"]} #{headers.fetch("webhook-event-type", "-")} #{body.force_encoding("UTF-8").scrub}" if had.add?(headers["webhook-id"])
    answer(client, "204 No Content")
  end
rescue SystemCallError, IOError
  next # it was cut off, and comes again
ensure
  client&.close
end
