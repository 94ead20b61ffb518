"""In and out: bringing in what was kept elsewhere. Floor 4: it reads as well as stores."""
