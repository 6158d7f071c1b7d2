# A firewall, where one is wanted: it has a price each month, so that it is off unless asked for.

resource "aws_wafv2_web_acl" "this" {
  count = var.waf ? 1 : 0

  region = "us-east-1" # where CloudFront looks for firewalls
  name   = "${var.prefix}app"
  scope  = "CLOUDFRONT"

  default_action {
    allow {}
  }

  rule {
    name     = "too-many-from-one-address"
    priority = 0

    action {
      block {}
    }

    statement {
      rate_based_statement {
        aggregate_key_type = "IP"
        limit              = var.waf_requests
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.prefix}rate"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "addresses-of-ill-repute"
    priority = 1

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        vendor_name = "AWS"
        name        = "AWSManagedRulesAmazonIpReputationList"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.prefix}reputation"
      sampled_requests_enabled   = true
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${var.prefix}app"
    sampled_requests_enabled   = true
  }
}
