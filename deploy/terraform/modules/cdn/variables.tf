variable "prefix" {
  description = "Begins the names of everything."
  type        = string
}

variable "app_bucket_host" {
  description = "Host name of the bucket with the web app."
  type        = string
}

variable "files_host" {
  description = "Host name of the bucket with people's files, to which signed links lead."
  type        = string
}

variable "http_host" {
  description = "Host name of the HTTP API."
  type        = string
}

variable "socket_host" {
  description = "Host name of the WebSocket API."
  type        = string
}

variable "origin_secret" {
  description = "What the APIs are told with each request, so that they know that it came this way."
  type        = string
  sensitive   = true
}

variable "price_class" {
  description = "Which of CloudFront's places are used."
  type        = string
}

variable "domain" {
  description = "A name of one's own and the Route 53 zone it is in; null for CloudFront's."
  type = object({
    name    = string
    zone_id = string
  })
}

variable "waf" {
  description = "Whether a firewall stands in front."
  type        = bool
}

variable "waf_requests" {
  description = "Requests in five minutes from one address before it is blocked."
  type        = number
  default     = 3000

  validation {
    condition     = var.waf_requests >= 10
    error_message = "AWS WAF counts from 10 requests on."
  }
}
