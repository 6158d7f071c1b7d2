terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.6"
    }
  }

  # Bucket and region come with init, as deploy/aws.sh does it: bootstrap made the bucket.
  backend "s3" {
    key          = "parley/dev.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      application = "parley"
      environment = "dev"
    }
  }
}

module "parley" {
  source = "../../modules/parley"

  environment  = "dev"
  artifact     = var.artifact
  protect      = false
  registration = "open"
  alarms       = false # ten are free in an account, and prod has them
  alarm_email  = var.alarm_email
  budget       = 10
}
