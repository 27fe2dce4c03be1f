require "erb"
require "json"
require "net/http"

def publish(channel, message) # after the commit
  base = URI(ENV.fetch("COMETPROXY", "http://127.0.0.1:5561")) # its internal listener
  http = Net::HTTP.new(base.host, base.port, nil) # nil: whatever http_proxy says
  http.open_timeout = http.read_timeout = 2
  path = "/channels/" + ERB::Util.url_encode(channel)
  http.post(path, JSON.generate(message), "Content-Type" => "application/json").value
rescue StandardError => error # what is committed stays committed; pages see it when they refetch
  warn "publish to #{channel} failed: #{error.message}"
end
