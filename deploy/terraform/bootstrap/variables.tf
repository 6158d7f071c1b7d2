variable "region" {
  description = "AWS region of the state and of API Gateway's setting."
  type        = string
  default     = "eu-central-1"
}

variable "repository" {
  description = "GitHub repository that may deploy, as OWNER/NAME; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.repository == null ? true : can(regex("^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "A repository is OWNER/NAME."
  }
}

variable "api_gateway_logs" {
  description = "Whether API Gateway gets a role for logs; false where the account and region have one already."
  type        = bool
  default     = true
}
