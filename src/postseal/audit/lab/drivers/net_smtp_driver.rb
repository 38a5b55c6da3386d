# frozen_string_literal: true

# Sends one message by Ruby's net-smtp, as POSTSEAL_LAB_INPUTS says.
#
# It hands over messages that are written elsewhere, so only what it writes itself is given to it:
# the envelope, the name of the client, the credentials, and the lines of the text.
require 'json'
require 'net/smtp'
require 'openssl'

inputs = JSON.parse(ENV.fetch('POSTSEAL_LAB_INPUTS'))
client = Net::SMTP.new(inputs['host'], inputs['port'].to_i)
context = OpenSSL::SSL::SSLContext.new
context.set_params(ca_file: inputs['ca_file'])
inputs['mode'] == 'implicit' ? client.enable_tls(context) : client.enable_starttls(context)
client.start(inputs['ehlo'], inputs['user'], inputs['password'], :plain) do |session|
  session.send_message("Subject: lab\r\n\r\n#{inputs['body']}\r\n", inputs['from'], [inputs['to']])
end
