"""Products."""

from fastapi import APIRouter

from okng.domain.records import ProductRecord
from okng.interfaces.http.answers import Listed, ProductAnswer
from okng.interfaces.http.bodies import NewProduct, ProductName
from okng.interfaces.http.callers import Reader, Served, Teacher
from okng.interfaces.http.records import API

router = APIRouter(prefix=API, tags=["products"])


@router.get("/products", response_model=Listed[ProductAnswer])
def list_products(service: Served, by: Reader, deleted: bool = False) -> object:
    """List the products by name, or those that are deleted."""
    return {"items": service.products.list(by, deleted)}


@router.post("/products", status_code=201, response_model=ProductAnswer)
def create_product(service: Served, by: Teacher, body: NewProduct) -> ProductRecord:
    """Make a product."""
    return service.products.create(body.name, body.title, by)


@router.get("/products/{product}", response_model=ProductAnswer)
def get_product(service: Served, by: Reader, product: ProductName) -> ProductRecord:
    """Return one product, deleted or not."""
    return service.products.get(product, by)


@router.delete("/products/{product}", response_model=ProductAnswer)
def delete_product(service: Served, by: Teacher, product: ProductName) -> ProductRecord:
    """Hide a product; it can be restored."""
    return service.products.delete(product, by)


@router.post("/products/{product}/restore", response_model=ProductAnswer)
def restore_product(service: Served, by: Teacher, product: ProductName) -> ProductRecord:
    """Show a deleted product again."""
    return service.products.restore(product, by)
