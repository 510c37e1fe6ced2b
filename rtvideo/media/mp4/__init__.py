"""Boxes of MP4 and MOV files (ISO/IEC 14496-12, QuickTime), where FFmpeg does not read or write them."""
