# A small Rack app for Puma.
require "digest"
require "json"
require "rack"
require File.join(ENV.fetch("SNIPPETS"), "publish.rb")

statuses = []
commit = Mutex.new

run lambda { |env|
  request = Rack::Request.new(env)
  case request.path
  when "/statuses/"
    if request.post?
      status = { id: nil, text: request.params["text"] }
      commit.synchronize { statuses << status.merge!(id: statuses.size + 1) }
      publish("room:statuses", status)
      [303, { "Location" => "/statuses/" }, []]
    else
      [200, { "Content-Type" => "application/json" }, [JSON.generate(statuses: statuses)]]
    end
  when "/cookies"
    response = Rack::Response.new(["cookies\n"], 200, "Content-Type" => "text/plain")
    response.set_cookie("a", value: "x y", path: "/")
    response.set_cookie("b", value: "2", httponly: true, same_site: :lax)
    response.delete_cookie("c")
    response.finish
  when "/echo"
    answer = [request.request_method, request.fullpath, request.params, request.cookies, request.host_with_port]
    [200, { "Content-Type" => "application/json" }, [JSON.generate(answer)]]
  when "/upload"
    digest = Digest::SHA256.new
    while (piece = request.body.read(65_536)) do digest << piece end
    [200, { "Content-Type" => "text/plain" }, ["#{digest.hexdigest}\n"]]
  when "/large"
    [200, { "Content-Type" => "text/plain" }, Enumerator.new { |out| 160.times { out << "comet" * 13_107 } }]
  when "/away"
    [302, { "Location" => "#{request.base_url}/echo?a=1" }, []]
  else
    [404, { "Content-Type" => "text/plain" }, ["nothing here\n"]]
  end
}
