mock_provider "aws" {
  mock_resource "aws_cloudfront_distribution" {
    defaults = { arn = "arn:aws:cloudfront::123456789012:distribution/D", domain_name = "d.cloudfront.net", hosted_zone_id = "Z2FDTNDATAQYW2" }
  }
  mock_resource "aws_cloudfront_function" {
    defaults = { arn = "arn:aws:cloudfront::123456789012:function/places" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/w/1" }
  }
  mock_resource "aws_acm_certificate" {
    defaults = { arn = "arn:aws:acm:us-east-1:123456789012:certificate/c", domain_validation_options = [] }
  }
}

variables {
  prefix          = "parley-test-"
  app_bucket_host = "app.s3.eu-central-1.amazonaws.com"
  files_host      = "files.s3.eu-central-1.amazonaws.com"
  http_host       = "h1.execute-api.eu-central-1.amazonaws.com"
  socket_host     = "s1.execute-api.eu-central-1.amazonaws.com"
  origin_secret   = "of-the-origin"
  price_class     = "PriceClass_100"
  domain          = null
  waf             = false
}

run "distribution" {
  assert {
    condition     = output.url == "https://d.cloudfront.net"
    error_message = "Without a domain people come by CloudFront's name."
  }
  assert {
    condition = alltrue([for b in concat(aws_cloudfront_distribution.this.ordered_cache_behavior, aws_cloudfront_distribution.this.default_cache_behavior) :
    contains(["https-only", "redirect-to-https"], b.viewer_protocol_policy)])
    error_message = "Nothing goes in clear."
  }
  assert {
    condition     = alltrue([for o in aws_cloudfront_distribution.this.origin : alltrue([for c in o.custom_origin_config : c.origin_protocol_policy == "https-only" && c.origin_ssl_protocols == toset(["TLSv1.2"])])])
    error_message = "APIs are asked over TLS."
  }
  assert {
    condition     = one([for o in aws_cloudfront_distribution.this.origin : o.origin_access_control_id if o.origin_id == "app"]) == aws_cloudfront_origin_access_control.app.id
    error_message = "The bucket is asked with a signature."
  }
  assert {
    condition     = alltrue([for o in aws_cloudfront_distribution.this.origin : one(o.custom_header).value == "of-the-origin" if o.origin_id != "app"])
    error_message = "APIs are told that a request came this way."
  }
  assert {
    condition     = length(aws_cloudfront_distribution.this.custom_error_response) == 0
    error_message = "An error of the API is never turned into a page."
  }
  assert {
    condition = { for b in aws_cloudfront_distribution.this.ordered_cache_behavior : b.path_pattern => b.target_origin_id } == {
      "/ws"              = "socket"
      "/files/avatars/*" = "http"
      "/api/*"           = "http"
      "/docs"            = "http"
      "/docs/*"          = "http"
      "/openapi.json"    = "http"
      "/asyncapi.json"   = "http"
      "/.well-known/*"   = "http"
      "/healthz"         = "http"
      "/readyz"          = "http"
      "/files/*"         = "http"
    }
    error_message = "One origin for the app, the API and the socket."
  }
  assert {
    condition     = alltrue([for b in aws_cloudfront_distribution.this.ordered_cache_behavior : b.cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" if b.path_pattern != "/files/avatars/*"])
    error_message = "What is not a picture's name is never kept."
  }
  assert {
    condition     = strcontains(aws_cloudfront_response_headers_policy.app.security_headers_config[0].content_security_policy[0].content_security_policy, "connect-src 'self' ws: wss: https://files.s3.eu-central-1.amazonaws.com;")
    error_message = "Pages may upload to the bucket of files."
  }
  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0 && length(aws_acm_certificate.this) == 0
    error_message = "What has a price each month, or needs a domain, is made when asked for."
  }
}

run "domain_and_firewall" {
  variables {
    domain = { name = "chat.example.org", zone_id = "Z1" }
    waf    = true
  }
  assert {
    condition     = output.url == "https://chat.example.org" && aws_cloudfront_distribution.this.aliases == toset(["chat.example.org"])
    error_message = "People come by the domain."
  }
  assert {
    condition     = aws_acm_certificate.this[0].region == "us-east-1" && aws_wafv2_web_acl.this[0].region == "us-east-1"
    error_message = "CloudFront looks for both in us-east-1."
  }
  assert {
    condition     = aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021"
    error_message = "Old TLS is refused."
  }
  assert {
    condition     = aws_cloudfront_distribution.this.web_acl_id == "arn:aws:wafv2:us-east-1:123456789012:global/webacl/w/1"
    error_message = "The firewall stands in front."
  }
  assert {
    condition     = toset(keys(aws_route53_record.address)) == toset(["A", "AAAA"])
    error_message = "IPv4 and IPv6."
  }
}
