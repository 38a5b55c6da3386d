# Leads the names of tests/parts/mapped_mail.py to its ports on loopback: ruby -r ./mapped_mail.rb
#
# MAPPED_MAIL has the ports as JSON: {"mail.example.com:587": 40123}. Other names do not exist.

require 'json'
require 'socket'

module MappedMail
  PORTS = JSON.parse(ENV.fetch('MAPPED_MAIL'))

  def getaddrinfo(host, port, ...)
    place = "#{host}:#{port}"
    super('127.0.0.1', PORTS.fetch(place) { raise SocketError, "no server at #{place}" }, ...)
  end
end

Addrinfo.singleton_class.prepend(MappedMail)
