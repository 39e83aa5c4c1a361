"""One encoder a family of formats, all with the interface of `base.StreamEncoder`."""
