variable "name" {
  description = "Name of the bucket, unique in the world."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 of a-z 0-9 . -"
  }
}

variable "force_destroy" {
  description = "Whether the bucket is destroyed with what is in it."
  type        = bool
}

variable "versioned" {
  description = "Whether replaced and deleted objects are kept for a while."
  type        = bool
}

variable "noncurrent_days" {
  description = "Days for which replaced and deleted objects are kept."
  type        = number
  default     = 30
}

variable "expire" {
  description = "Days after which objects under a prefix are removed, by prefix."
  type        = map(number)
  default     = {}
}

variable "upload_origins" {
  description = "Web origins whose pages may upload with signed links."
  type        = list(string)
  default     = []
}

variable "distribution_arns" {
  description = "CloudFront distributions that may read."
  type        = list(string)
  default     = []
}
