# One message by a library of Ruby's, set as its name says: ruby by_ruby.rb NAME
#
# What to send and to whom is in the environment, as the attack lab puts it there. An exception is
# what the library says of a message that was not taken, and ends the program with status 1.

def told(name)
  ENV.fetch("POSTSEAL_LAB_#{name.upcase}")
end

HOST, PORT, USER, PASSWORD = told('host'), told('port').to_i, told('user'), told('password')
IMPLICIT = told('mode') == 'implicit'

# OpenSSL's own variable for the authority to trust, read as Ruby loads it.
ENV['SSL_CERT_FILE'] = told('ca_file')
require 'net/smtp'

def with_net_smtp(starttls)
  smtp = Net::SMTP.new(HOST, PORT, tls: IMPLICIT, starttls: IMPLICIT ? false : starttls)
  smtp.open_timeout = smtp.read_timeout = 2
  text = "From: #{told('from')}\r\nTo: #{told('to')}\r\nSubject: #{told('subject')}\r\n\r\n#{told('body')}\r\n"
  smtp.start('client.example', USER, PASSWORD, :plain) do |session|
    session.send_message(text, told('from'), told('to'))
  end
end

def with_mail(**settings)
  require 'mail'
  mail = Mail.new(from: told('from'), to: told('to'), subject: told('subject'), body: told('body'))
  mail.delivery_method(
    :smtp, address: HOST, port: PORT, user_name: USER, password: PASSWORD, authentication: :plain,
           tls: IMPLICIT, open_timeout: 2, read_timeout: 2, **settings
  )
  mail.deliver!
end

case ARGV.fetch(0)
when 'net-smtp' then with_net_smtp(:auto)
when 'net-smtp-always' then with_net_smtp(:always)
when 'mail' then with_mail
when 'mail-always' then with_mail(enable_starttls: true)
when 'mail-unverified' then with_mail(enable_starttls: true, openssl_verify_mode: 'none')
else abort "no such client: #{ARGV[0]}"
end
