variable "region" {
  description = "AWS region in which everything stands."
  type        = string
  default     = "eu-central-1"
}

variable "artifact" {
  description = "Path of the zip that make lambda leaves."
  type        = string
  default     = "../../../../dist/lambda/parley-lambda.zip"
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget; null for nobody by e-mail."
  type        = string
  default     = null
}

variable "registration" {
  description = "Who may make an account: open, invite or closed."
  type        = string
  default     = "invite"
}

variable "domain" {
  description = "A name of one's own and the Route 53 zone it is in; null for CloudFront's."
  type = object({
    name    = string
    zone_id = string
  })
  default = null
}

variable "waf" {
  description = "Whether a firewall stands in front; it costs some 7 dollars a month."
  type        = bool
  default     = false
}

variable "budget" {
  description = "US dollars a month of the account of which somebody is warned."
  type        = number
  default     = 50
}
