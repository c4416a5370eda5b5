"""Small nets as lists of layers: trained as torch modules, shipped as nodes of a graph."""
