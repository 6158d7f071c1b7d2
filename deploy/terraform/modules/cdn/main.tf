# One origin for people: the app out of S3, the API and the socket behind it, by CloudFront.

locals {
  # Policies that AWS manages; their ids are the same in every account (CloudFront Developer Guide).
  caching_optimized      = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  caching_disabled       = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_viewer_except_host = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

  api_paths = ["/api/*", "/docs", "/docs/*", "/openapi.json", "/asyncapi.json", "/.well-known/*", "/healthz", "/readyz"]
  behaviors = concat(
    [{ path = "/ws", origin = "socket", cache = local.caching_disabled }],
    # A picture's name never stands for another picture; how long it is kept is what the function says.
    [{ path = "/files/avatars/*", origin = "http", cache = local.caching_optimized }],
    [for path in concat(local.api_paths, ["/files/*"]) : { path = path, origin = "http", cache = local.caching_disabled }],
  )

  # As httpapi's policy for pages, and the bucket that signed links lead to.
  files  = "https://${var.files_host}"
  policy = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: ${local.files}; media-src 'self' blob: ${local.files}; font-src 'self'; connect-src 'self' ws: wss: ${local.files}; worker-src 'self'; manifest-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

resource "aws_cloudfront_origin_access_control" "app" {
  name                              = "${var.prefix}app"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# A place inside the app is its page. What looks like a file is one, and missing if it is; errors stay errors.
resource "aws_cloudfront_function" "places" {
  name    = "${var.prefix}places"
  runtime = "cloudfront-js-2.0"
  code    = file("${path.module}/places.js")
}

resource "aws_cloudfront_response_headers_policy" "app" {
  name = "${var.prefix}app"

  security_headers_config {
    content_security_policy {
      content_security_policy = local.policy
      override                = true
    }
    content_type_options {
      override = true
    }
    frame_options {
      frame_option = "DENY"
      override     = true
    }
    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }
    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
  }

  custom_headers_config {
    items {
      header   = "Cross-Origin-Opener-Policy"
      value    = "same-origin"
      override = true
    }
    items {
      header   = "Cross-Origin-Resource-Policy"
      value    = "same-origin"
      override = true
    }
    items {
      header   = "Permissions-Policy"
      value    = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
      override = true
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  comment             = "${var.prefix}app"
  enabled             = true
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  price_class         = var.price_class
  default_root_object = "index.html"
  aliases             = var.domain == null ? [] : [var.domain.name]
  web_acl_id          = one(aws_wafv2_web_acl.this[*].arn)
  wait_for_deployment = false

  origin {
    origin_id                = "app"
    domain_name              = var.app_bucket_host
    origin_access_control_id = aws_cloudfront_origin_access_control.app.id
  }

  dynamic "origin" {
    for_each = { http = var.http_host, socket = var.socket_host }
    content {
      origin_id   = origin.key
      domain_name = origin.value

      custom_origin_config {
        http_port              = 80
        https_port             = 443
        origin_protocol_policy = "https-only"
        origin_ssl_protocols   = ["TLSv1.2"]
        origin_read_timeout    = 30
      }

      custom_header {
        name  = "X-Parley-Origin"
        value = var.origin_secret
      }
    }
  }

  default_cache_behavior {
    target_origin_id           = "app"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    compress                   = true
    cache_policy_id            = local.caching_optimized
    response_headers_policy_id = aws_cloudfront_response_headers_policy.app.id

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.places.arn
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = local.behaviors
    content {
      path_pattern             = ordered_cache_behavior.value.path
      target_origin_id         = ordered_cache_behavior.value.origin
      allowed_methods          = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
      cached_methods           = ["GET", "HEAD"]
      viewer_protocol_policy   = "https-only"
      compress                 = true
      cache_policy_id          = ordered_cache_behavior.value.cache
      origin_request_policy_id = local.all_viewer_except_host
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = one(aws_acm_certificate_validation.this[*].certificate_arn)
    minimum_protocol_version       = var.domain == null ? null : "TLSv1.2_2021"
    ssl_support_method             = var.domain == null ? null : "sni-only"
  }
}
