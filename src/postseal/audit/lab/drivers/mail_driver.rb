# frozen_string_literal: true

# Sends one message by Ruby's mail, as POSTSEAL_LAB_INPUTS says.
require 'json'
require 'mail'

inputs = JSON.parse(ENV.fetch('POSTSEAL_LAB_INPUTS'))
is_implicit = inputs['mode'] == 'implicit'
message = Mail.new(charset: 'UTF-8')
message.from = inputs['from']
message.to = inputs['to']
message.subject = inputs['subject']
message.body = inputs['body']
message.header['X-Lab'] = inputs['header']
message.add_file(filename: inputs['filename'], content: "attached\n")
message.delivery_method(
  :smtp,
  address: inputs['host'],
  port: inputs['port'].to_i,
  domain: inputs['ehlo'],
  user_name: inputs['user'],
  password: inputs['password'],
  authentication: :plain,
  tls: is_implicit,
  enable_starttls_auto: !is_implicit,
  openssl_verify_mode: OpenSSL::SSL::VERIFY_PEER,
  ca_file: inputs['ca_file']
)
message.deliver!
